"""The parts `generated.generate` puts together, each a pure function of its `random.Random`."""
