/* SPDX-License-Identifier: MIT
 *
 * Slurm's answers as records.
 */
#include "batch/adapter.h"

#include "fault.h"
#include "tap.h"

static hec_error err;

static hec_jobs *read_with(hec__read_jobs *read, const char *text)
{
    hec_jobs *jobs = hec__jobs_create();

    if (!jobs || read(jobs, text, &err) < 0)
        exit(99);
    return jobs;
}

static void test_queue(void)
{
    HEC_AUTO(hec_jobs)
    jobs = read_with(hec__slurm_adapter.read_query,
                     "CLUSTER: faculty\n"
                     "12|N/A|PENDING|1700000000|1700000900|N/A|4||Resources\n"
                     "13|N/A|RUNNING|1700000000|1700000100|1700003700|8|n[1-2]|None\n"
                     "14|1|FAILED|1700000000|1700000100|1700000101|1|n1|NonZeroExitCode\n"
                     "15|N/A|PENDING|1700000000|N/A|N/A|1||DependencyNeverSatisfied\n"
                     "16|N/A|SOMETHING_NEW|1700000000|N/A|N/A|1||None\n"
                     "nonsense\n");
    const hec_job *j = jobs->all;

    ok(jobs->n == 5, "a record for each line that is one");
    ok(j[0].state == HEC_JOB_WAITING && j[0].expected == 1700000900 && j[0].started == 0 &&
           !j[0].stuck && j[0].index == -1 && j[0].cpus == 4 && !j[0].nodes,
       "one that waits");
    is_str(j[0].reason, "Resources", "and why");
    ok(j[1].state == HEC_JOB_RUNNING && j[1].started == 1700000100 && j[1].ended == 0 &&
           !j[1].reason,
       "one that runs has not ended");
    is_str(j[1].nodes, "n[1-2]", "on these nodes");
    ok(j[2].state == HEC_JOB_FAILED && j[2].index == 1 && j[2].ended == 1700000101 &&
           j[2].exit_code == -1,
       "an element that failed, it is not known how");
    ok(j[3].stuck == 1, "one that never will run");
    ok(j[4].state == 0, "an unknown state is none");
}

static void test_accounting(void)
{
    HEC_AUTO(hec_jobs)
    jobs =
        read_with(hec__slurm_adapter.read_history,
                  "20|CANCELLED by 1001|0:0|1700000000|1700000100|1700000200|2|n1||00:01.500\n"
                  "20.batch|CANCELLED|0:15|1700000100|1700000100|1700000201|2|n1|5120K|00:01.500\n"
                  "20.0|CANCELLED|0:15|1700000100|1700000100|1700000201|2|n1|2048K|00:01.000\n"
                  "21_3|OUT_OF_MEMORY|0:125|1700000000|1700000100|1700000200|2|n1||1-00:00:01\n"
                  "21_[4-9]|PENDING|0:0|1700000000|Unknown|Unknown|2|None assigned||00:00:00\n"
                  "22|FAILED|0:9|1700000000|1700000100|1700000200|2|n1||00:00:01\n");
    const hec_job *j = jobs->all;

    ok(jobs->n == 3, "steps and elements that wait are no records");
    is_str(j[0].word, "CANCELLED", "the word alone");
    ok(j[0].state == HEC_JOB_CANCELLED && j[0].memory == 5120 * 1024 && j[0].cpu_s == 1.5,
       "what the steps used");
    ok(j[1].state == HEC_JOB_OUT_OF_MEMORY && j[1].index == 3 && j[1].signal == 0 &&
           j[1].exit_code == -1 && j[1].cpu_s == 86401,
       "out of memory is no signal");
    ok(j[2].signal == 9 && j[2].exit_code == -1, "a signal is no exit code");
    ok(j[0].gpus == 0 && j[0].gpu_percent < 0 && j[0].gpu_memory == 0, "nothing is said of GPUs");
}

static void test_gpus(void)
{
    HEC_AUTO(hec_jobs)
    jobs = read_with(
        hec__slurm_adapter.read_history,
        "30|COMPLETED|0:0|1700000000|1700000100|1700000200|8|n1||10:00|"
        "billing=8,cpu=8,gres/gpu:a100=2,gres/gpu=2,mem=16G,node=1|\n"
        "30.batch|COMPLETED|0:0|1700000100|1700000100|1700000200|8|n1|1G|10:00|cpu=8,gres/gpu=2|"
        "cpu=00:10:00,energy=0,gres/gpumem=1536M,gres/gpuutil=57,mem=1G\n"
        "31|COMPLETED|0:0|1700000000|1700000100|1700000200|8|n1||10:00|cpu=8,gres/gpu=1|\n"
        "32|COMPLETED|0:0|1700000000|1700000100|1700000200|8|n1||10:00|cpu=8,gres/gpu=x|gres/"
        "gpuutil=\n");
    const hec_job *j = jobs->all;

    ok(jobs->n == 3 && j[0].cpu_s == 600, "jobs with GPUs");
    ok(j[0].gpus == 2 && j[0].gpu_percent == 57 && j[0].gpu_memory == (uint64_t)1536 << 20,
       "how many, and what the cluster has gathered");
    ok(j[1].gpus == 1 && j[1].gpu_percent < 0 && j[1].gpu_memory == 0, "or nothing of it");
    ok(j[2].gpus == 0 && j[2].gpu_percent < 0, "what makes no sense is not known");
}

static void test_shown(void)
{
    HEC_AUTO(hec_jobs)
    jobs = read_with(
        hec__slurm_adapter.read_detail,
        "JobId=31 ArrayJobId=30 ArrayTaskId=1 JobName=x JobState=COMPLETED UserId=a(1001) "
        "GroupId=a(1001) JobState=FAILED Reason=NonZeroExitCode Dependency=(null) ExitCode=3:0 "
        "SubmitTime=1700000000 StartTime=1700000001 EndTime=1700000002 NodeList=n1 NumNodes=1\n");

    ok(jobs->n == 1 && jobs->all[0].index == 1 && jobs->all[0].exit_code == 3 &&
           jobs->all[0].state == HEC_JOB_FAILED && jobs->all[0].ended == 1700000002,
       "a line of scontrol");
    is_str(jobs->all[0].id, "30", "is of its array");
}

static void test_submitted(void)
{
    const char *id = NULL;

    ok(hec__slurm_adapter.submitted("123\n", &id) == 3 && id[0] == '1', "an id");
    ok(hec__slurm_adapter.submitted("Welcome\n4711;faculty\n", &id) == 4 && id[0] == '4',
       "behind a greeting, with its cluster");
    ok(hec__slurm_adapter.submitted("no 12\n", &id) == 0, "none");
}

static void test_settle(void)
{
    static const char *const ids[] = {"9", "12", "7.head"};
    HEC_AUTO(hec_jobs)
    jobs = read_with(hec__slurm_adapter.read_query,
                     "12|2|RUNNING|1|2|3|1|n1|None\n12|1|FAILED|1|2|3|1|n1|NonZeroExitCode\n"
                     "12|3|PENDING|1|2|3|1||None\n"
                     "7|N/A|RUNNING|1|2|3|1|n1|None\n88|N/A|RUNNING|1|2|3|1|n1|None\n");

    hec__slurm_adapter.read_history(jobs,
                                    "12_1|FAILED|2:0|1|2|4|1|n1||00:07\n12|FAILED|2:0|1|2|4|1|n1||"
                                    "00:07\n9|COMPLETED|0:0|1|2|4|1|n1||00:07\n",
                                    &err);
    ok(hec__jobs_settle(jobs, ids, 3, &err) == 0 && jobs->n == 5, "five are left");
    is_str(jobs->all[0].id, "9", "in the order of the question");
    ok(jobs->all[1].index == 1 && jobs->all[1].exit_code == 2 && jobs->all[1].ended == 3 &&
           jobs->all[1].cpu_s == 7,
       "the accounting fills what the queue does not say");
    ok(jobs->all[2].index == 2, "elements in order, and none that has no index");
    ok(jobs->all[3].state == HEC_JOB_WAITING && !jobs->all[3].started && !jobs->all[3].nodes,
       "what waits again has not begun");
    is_str(jobs->all[4].id, "7.head", "by the name it was asked by");
}

static void test_no_memory(void)
{
    for (long n = 1;; n++) {
        hec_jobs *jobs = hec__jobs_create();
        int r;

        fault_arm(n);
        r = hec__slurm_adapter.read_query(jobs, "12|2|RUNNING|1|2|3|1|n1|None\n", &err);
        if (!fault_disarm()) {
            hec_jobs_destroy(jobs);
            break;
        }
        ok(r == HEC_ENOMEM || (r == 0 && jobs->n == 1), "without memory");
        hec_jobs_destroy(jobs);
    }
}

static void test_ids(void)
{
    static const char *const bad[] = {"", "-1", "abc", "1;2", "1 2", "0*", "1\n", "*"};
    char shown[40];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(shown, sizeof shown, "%.*s", (int)strcspn(bad[i], "\n"), bad[i]);
        ok(hec__job_id_check(HEC__SLURM, bad[i], &err) == HEC_EINVAL, "no id: '%s'", shown);
    }
    ok(hec__job_id_check(HEC__PBS, "0[].head-1.x", &err) == 0, "an id");
    ok(hec__job_id_check(HEC__LSF, "0", &err) == HEC_EINVAL, "all jobs, for LSF");
}

int main(void)
{
    test_queue();
    test_accounting();
    test_gpus();
    test_shown();
    test_submitted();
    test_settle();
    test_no_memory();
    test_ids();
    return done_testing();
}
