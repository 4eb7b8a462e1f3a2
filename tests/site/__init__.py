"""The pages for teachers: `python -m tests.site` looks at all of dist/site, the tests at a part made for them."""
