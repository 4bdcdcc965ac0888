/* SPDX-License-Identifier: MIT
 *
 * The journal: an append-only record of what has been finished, on disk.
 *
 * A journal holds *entries*: a task's key, how it ended, and what it took; with them *parts*, the
 * bytes that it returned or the texts that say why it failed. Whoever starts the same work again
 * looks a task up by its key and takes the result from there. Nothing that is in the file is ever
 * changed or cut, so that neither a crash in the middle of a write nor a second writer can take
 * away what is there. docs/formats/journal-v1.md is normative for the bytes.
 *
 *     hec_journal_open("run.hecj", NULL, &j, &err);
 *     if (hec_journal_find(j, key, &place) && place.verdict == HEC_TASK_DONE)
 *         hec_journal_load(j, &place, HEC_LOAD_ALL, &content, &err);
 *     ...
 *     hec_journal_append(j, entries, n, parts, m, &seq, &err);     a copy into memory
 *     hec_journal_sync(j, seq, -1, &err);                          now it is on disk
 *     hec_journal_close(j, &err);
 *
 * A path is a file, with one writer at a time, or a folder, in which each writer has a file of its
 * own and all are read together: for many nodes. Who opens a file for writing that another process
 * writes is refused with that one's host and process number.
 *
 * Threads: any function, from any thread, until hec_journal_close(). A thread of the journal
 * writes. After a fork the journal is the parent's: in the child every function that can fail does
 * so with HEC_ECLOSED, and hec_journal_close() only gives memory back.
 */
#ifndef HEC_JOURNAL_H
#define HEC_JOURNAL_H

#include <hec/task.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hec_journal hec_journal;

#define HEC_KEY_SIZE 16u /* bytes */

/* ---- opening ---- */

/* When what was appended is brought to disk. */
typedef enum hec_fsync {
    HEC_FSYNC_GROUP = 0, /* many records together, see group_ms; the append does not wait */
    HEC_FSYNC_ALWAYS,    /* each append returns when it is on disk */
    HEC_FSYNC_NEVER, /* given to the system in groups, which brings it to disk when it likes: the
                      * death of the program loses nothing, that of the machine may */
} hec_fsync;

/* Everything that is 0 has a good meaning. */
typedef struct hec_journal_options {
    int read_only; /* nothing is written, made or waited for; also while another process writes */
    int folder;    /* where there is nothing at the path yet: make a folder, not a file */
    hec_fsync fsync;
    uint32_t group_ms;    /* a record waits no longer than this for others; 0: 50 */
    uint32_t group_bytes; /* nor while this much waits; 0: 1 MiB */
    const char *program;  /* who writes, "pyhec 0.1.0"; NULL: "hec" and the library's version */
} hec_journal_options;

/* Opens a journal, reads it to its end, and checks every byte of it (as fast as the disk reads). A
 * file that is not there is made (0600), unless read_only. Damage is no failure: what is whole is
 * found, before and behind it, and hec_journal_damage() says what is not. NULL options: all 0.
 *
 * HEC_ENOENT: there is nothing, and it is not to be made; or its folder is not there.
 * HEC_EAGAIN: another process writes it; the text names host and process. Where that one's host is
 * another one, whether it is alive is known when its sign of life comes, or has not come: up to
 * 35 s are spent on that. HEC_EINTR: a signal came meanwhile.
 * HEC_EPERM: others can write the file or its folder, it belongs to another user, or it is a
 * symbolic link; the text says what to do. HEC_EFORMAT: it is no journal, or one of a newer kind.
 * HEC_EINVAL: an option makes no sense. HEC_EIO, HEC_ESYS, HEC_ENOMEM. */
HEC_API int hec_journal_open(const char *path, const hec_journal_options *options,
                             hec_journal **ret_journal, hec_error *err);

/* Writes what is pending and that this session has ended, brings it to disk, lets others write, and
 * frees all. 0, or why not everything that was appended is on disk. NULL is fine. */
HEC_API int hec_journal_close(hec_journal *j, hec_error *err);

/* ---- what there is ---- */

/* How one attempt at one task ended. */
typedef struct hec_journal_entry {
    unsigned char key[HEC_KEY_SIZE]; /* what the task was; the caller's, 128 bits of a hash */
    uint64_t task;                   /* its number in its call */
    int32_t verdict;                 /* a hec_verdict; of a newer version perhaps an unknown one */
    int32_t detail;                  /* the signal or the exit status, as in hec_death */
    hec_usage usage;
} hec_journal_entry;

/* Bytes that come with entries. X(name, value, word). Numbers are permanent. */
#define HEC_PARTS(X)                                                                               \
    X(HEC_PART_RESULT, 1, "result") /* what the tasks of the record returned, all in one */        \
    X(HEC_PART_BUFFER, 2, "buffer") /* a large buffer of the result, or of the error, in order */  \
    X(HEC_PART_ERROR, 3, "error")   /* how the task failed, to be raised again */                  \
    X(HEC_PART_MESSAGE, 4, "message") /* the same in a line of text */                             \
    X(HEC_PART_ARGS, 5, "args")       /* a short text of its arguments, or its command line */     \
    X(HEC_PART_STDOUT, 6, "stdout")                                                                \
    X(HEC_PART_STDERR, 7, "stderr") /* the last lines, or all */                                   \
    X(HEC_PART_PYTHON_STACK, 8, "python_stack")                                                    \
    X(HEC_PART_C_STACK, 9, "c_stack")                                                              \
    X(HEC_PART_NAME, 10, "name") /* of notes: a name, then its value */                            \
    X(HEC_PART_VALUE, 11, "value")                                                                 \
    X(HEC_PART_PARAMS, 12, "params") /* what the task was given: a map, in JSON */

typedef enum hec_part_kind {
#define HEC_PART_ENUM(name, value, word) name = (value),
    HEC_PARTS(HEC_PART_ENUM)
#undef HEC_PART_ENUM
} hec_part_kind;

/* What the bytes of a part are. Numbers are permanent. */
typedef enum hec_part_format {
    HEC_FORMAT_BYTES = 0,
    HEC_FORMAT_TEXT = 1,   /* meant for people; UTF-8 as far as its maker cared */
    HEC_FORMAT_PICKLE = 2, /* of Python, one object; nothing but this user's own */
    HEC_FORMAT_PYHEC = 3,  /* as a worker of pyhec sends the results of a batch */
    HEC_FORMAT_JSON = 4,   /* one JSON text */
} hec_part_format;

typedef struct hec_journal_part {
    uint16_t kind;   /* a hec_part_kind; of a newer version perhaps an unknown one */
    uint16_t format; /* a hec_part_format */
    uint32_t entry;  /* which entry of the record it belongs to, plus one; 0: to all of them */
    const void *data;
    size_t size; /* bytes */
} hec_journal_part;

/* "result", "stderr"…; "?" for a number that is none of ours. Static storage. */
HEC_API const char *hec_part_word(int kind);

/* Where an entry is: in which record, and the how manieth of it. */
typedef struct hec_journal_place {
    uint64_t offset;   /* of its record in the file; the same for all entries of a record */
    uint32_t file;     /* which file of the journal */
    uint32_t position; /* of the entry within the record, from 0 */
    int32_t verdict;
} hec_journal_place;

/* 1 and *ret_place: the journal has an entry of that key; 0: it has none; negative: the journal is
 * another process's. Of several the last one that is HEC_TASK_DONE counts, or else the last one.
 * What was appended by this process is found at once. No disk is touched. */
HEC_API int hec_journal_find(hec_journal *j, const unsigned char key[HEC_KEY_SIZE],
                             hec_journal_place *ret_place);

/* How many different keys there are, and where the i-th is, as hec_journal_find() has it; in the
 * order in which they came first. 0, or HEC_EINVAL: there are not so many. */
HEC_API uint64_t hec_journal_count(hec_journal *j);
HEC_API int hec_journal_at(hec_journal *j, uint64_t i, hec_journal_place *ret_place);

/* X(name, value, word). Numbers are permanent. */
#define HEC_RECORDS(X)                                                                             \
    X(HEC_RECORD_BEGIN, 1, "begin") /* a session begins: notes that say of whom */                 \
    X(HEC_RECORD_TASKS, 2, "tasks") /* entries */                                                  \
    X(HEC_RECORD_NOTE, 3, "note")   /* notes */                                                    \
    X(HEC_RECORD_END, 4, "end")     /* a session was closed in order */

typedef enum hec_record_kind {
#define HEC_RECORD_ENUM(name, value, word) name = (value),
    HEC_RECORDS(HEC_RECORD_ENUM)
#undef HEC_RECORD_ENUM
} hec_record_kind;

/* A record as it was read. */
typedef struct hec_journal_content {
    int kind;         /* a hec_record_kind; of a newer version perhaps an unknown one */
    uint32_t session; /* for hec_journal_session(); UINT32_MAX: its beginning was not found */
    uint64_t seq;
    uint64_t time_ns; /* when it was appended, since 1970 */
    uint32_t nentries, nparts;
    const hec_journal_entry *entries;
    const hec_journal_part *parts; /* data begins at a multiple of 64; NULL if not loaded */
} hec_journal_content;

typedef enum hec_load {
    HEC_LOAD_ENTRIES, /* entries, and what parts there are: their data is NULL */
    HEC_LOAD_ALL,
} hec_load;

/* Reads the record at a place, and checks it once more. On success *ret_content is the caller's, to
 * end with hec_journal_content_destroy(); it does not need the journal any more.
 * What this process has appended and is not in the file yet is written first.
 * HEC_EFORMAT: it is damaged, though it was whole when the journal was opened. */
HEC_API int hec_journal_load(hec_journal *j, const hec_journal_place *place, hec_load what,
                             hec_journal_content **ret_content, hec_error *err);
HEC_API void hec_journal_content_destroy(hec_journal_content *content); /* NULL is fine */

/* Every record in its order, file by file: begin with a place that is all zero; it then says where
 * the record was that came last. 1, 0 at the end, negative as hec_journal_load(). What is damaged
 * is left out. */
HEC_API int hec_journal_next(hec_journal *j, hec_journal_place *place, hec_load what,
                             hec_journal_content **ret_content, hec_error *err);

typedef struct hec_journal_session {
    const char *file; /* its name */
    const char *host, *program;
    int32_t pid;
    int ended;           /* it was closed in order; 0 also while it runs */
    uint64_t started_ns; /* since 1970 */
    uint64_t offset;     /* of its first record */
} hec_journal_session;

/* Session i (< hec_journal_info.sessions). Texts live until hec_journal_close(). */
HEC_API int hec_journal_session_at(hec_journal *j, uint32_t i, hec_journal_session *ret_session);

/* The latest value of a note of that name in any session; NULL: there is none. Lives until
 * hec_journal_close(). Notes of the beginning of sessions do not count. */
HEC_API const char *hec_journal_noted(hec_journal *j, const char *name);

/* Bytes of a file that are no whole record. */
typedef struct hec_journal_damage {
    const char *file; /* its name; lives until hec_journal_close() */
    uint64_t offset, size;
    int at_end; /* nothing whole comes behind it: what a crash leaves, or what is being written */
    int known;  /* a session that began later has said so already */
} hec_journal_damage;

/* Damage i (< hec_journal_info.damages), as found when the journal was opened. */
HEC_API int hec_journal_damage_at(hec_journal *j, uint32_t i, hec_journal_damage *ret_damage);

typedef struct hec_journal_info {
    uint32_t files, sessions, damages;
    uint64_t bytes;      /* of all files, appended records included */
    uint64_t bad_bytes;  /* of them, in damages */
    uint64_t records;    /* whole ones, appended ones included */
    uint64_t entries;    /* in them */
    uint64_t keys, done; /* different keys; those of them whose verdict is HEC_TASK_DONE */
    uint64_t commits;    /* groups that this process has written */
    uint64_t waited_ns;  /* how long appends waited because the disk was slow */
} hec_journal_info;

HEC_API void hec_journal_info_get(hec_journal *j, hec_journal_info *ret_info);

/* ---- writing ---- */

/* At most so many entries and parts in one record. */
#define HEC_JOURNAL_ENTRIES_MAX 65536u
#define HEC_JOURNAL_PARTS_MAX   65536u

/* Appends one record: n entries (at least one) and the parts that come with them. Everything is
 * copied, but for records of over a megabyte, which are written before this returns. Waits when
 * several megabytes are pending. *ret_seq (may be NULL) is for hec_journal_sync(): numbers grow.
 *
 * A failure to write that came up since, in whatever append, is told here and by
 * hec_journal_sync(): with errno in err->sys and "no space left", say, in its text. From then on
 * nothing is written any more, every further append fails in the same way, and what was on disk
 * stays acknowledged (a sync up to there still returns 0); open the journal again to go on.
 * HEC_EINVAL: no entry, too many, or the journal is read only. HEC_ENOMEM: nothing happened. */
HEC_API int hec_journal_append(hec_journal *j, const hec_journal_entry *entries, uint32_t n,
                               const hec_journal_part *parts, uint32_t m, uint64_t *ret_seq,
                               hec_error *err);

/* Appends a note, in a record of its own. Fails as hec_journal_append(). */
HEC_API int hec_journal_note(hec_journal *j, const char *name, const char *value, uint64_t *ret_seq,
                             hec_error *err);

/* The number up to which everything is on disk (with HEC_FSYNC_NEVER: with the system). */
HEC_API uint64_t hec_journal_durable(hec_journal *j);

/* Waits until everything up to seq (UINT64_MAX: everything so far) is on disk; does not let it wait
 * for others. timeout_ms -1: no limit. 0, HEC_EAGAIN: not within that time, or why it is not. */
HEC_API int hec_journal_sync(hec_journal *j, uint64_t seq, int timeout_ms, hec_error *err);

#ifdef __cplusplus
}
#endif
#endif
