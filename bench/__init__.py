# SPDX-License-Identifier: MIT
"""Measures pyhec against the tools people use today; README.md says how."""
