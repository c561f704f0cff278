"""Print what setup.cfg declares that the package needs, for deptry, which does not read setup.cfg."""

from setuptools.config.setupcfg import read_configuration

print("\n".join(read_configuration("setup.cfg", ignore_option_errors=True)["options"]["install_requires"]))
