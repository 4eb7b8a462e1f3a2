"""What trains the models that the samples ship: `make train-audio`, `make train-volumes`, `make train-digits`.

Its data lie in tests/data, not in the wheel.
"""
