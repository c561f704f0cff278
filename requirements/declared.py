"""Print what setup.cfg declares that the package imports, for deptry, which does not read setup.cfg."""

from setuptools.config.setupcfg import read_configuration

options = read_configuration("setup.cfg", ignore_option_errors=True)["options"]
extras = options["extras_require"]
print("\n".join([*options["install_requires"], *extras["align"], *extras["postgres"]]))
