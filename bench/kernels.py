"""How fast native kernels are: each distinct layer of some networks, beside this machine's limits and others.

    python bench/kernels.py                              # ResNet-50 and MobileNet v1, one thread and all
    python bench/kernels.py vgg16 --threads 2
    python bench/kernels.py --all --summary --threads 1  # every network of the zoo, means by kind alone

It is `dnnaccel bench`, whose options it takes, in a place where benchmarks are looked for. Where torch and
onnxruntime (with onnx) are installed in this Python, they are timed by turns in the same run:

    pip install torch==2.13.0 onnxruntime onnx
"""

from __future__ import annotations

import sys

from dnnaccel.cli import run

if __name__ == "__main__":
    sys.exit(run(["bench", *sys.argv[1:]]))
