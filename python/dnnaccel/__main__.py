"""`python -m dnnaccel`: the commands of the shell, where the script is not on the path."""

from dnnaccel.cli import main

if __name__ == "__main__":
    main()
