"""`python3 verify DIR` in a package: checks it with this folder alone, whatever the folder is called."""

import importlib
import os
import sys

if __name__ == "__main__":
    sys.dont_write_bytecode = True  # a package stays as it is
    if __package__:
        main = importlib.import_module(f"{__package__}.command").main
    else:
        here = os.path.dirname(os.path.abspath(__file__))
        sys.path[0] = os.path.dirname(here)
        main = importlib.import_module(f"{os.path.basename(here)}.command").main
    sys.exit(main(sys.argv[1:]))
