# SPDX-License-Identifier: MIT
"""What becomes of a call when something goes wrong in it, for pyhec and for other tools."""
