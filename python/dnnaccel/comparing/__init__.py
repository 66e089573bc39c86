"""Parts of `dnnaccel.compare` and `dnnaccel.diff`: rows, tables, layers side by side, equal areas."""
