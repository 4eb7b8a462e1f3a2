"""Views without a kernel, in a real browser: what they draw, say, save and leave behind."""
