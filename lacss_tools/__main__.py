"""`python -m lacss_tools` is the `lacss` command."""

from lacss_tools.cli import main

if __name__ == "__main__":
    main()
