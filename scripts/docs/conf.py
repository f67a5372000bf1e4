# SPDX-License-Identifier: MIT
"""Sphinx configuration for scripts/htmldocs.

It says, in the environment, where the checkout (OVERLAY) and the kernel's source
(KERNEL_TREE) are. The kernel-doc directive is the kernel's own.
"""

import os
import sys

kernel = os.environ["KERNEL_TREE"]
sys.path.insert(0, os.path.join(kernel, "Documentation", "sphinx"))

project = "TTM move worker"
extensions = ["kerneldoc", "automarkup"]
primary_domain = "c"
highlight_language = "none"
html_theme = "alabaster"
html_copy_source = False

kerneldoc_bin = os.path.join(kernel, "scripts", "kernel-doc")
kerneldoc_srctree = os.environ["OVERLAY"]

# Annotations that Sphinx would take for part of a type.
c_id_attributes = ["__user", "__iomem", "__must_check", "__rcu"]
