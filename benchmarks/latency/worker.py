"""The worker as it is shipped, watched: what its threads do goes to the file that `STACKS_TO` names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from benchmarks.latency.sampler import Sampler
from integration_pipeline.realtime import __main__ as shipped


def main() -> int:
    sampler = Sampler()
    sampler.start()
    code = shipped.main()
    sampler.write(Path(os.environ["STACKS_TO"]))
    return code


if __name__ == "__main__":
    sys.exit(main())
