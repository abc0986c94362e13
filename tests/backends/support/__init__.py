"""Services, backends and renderers that the tests of `backends` run."""
