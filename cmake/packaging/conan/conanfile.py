"""Conan 2 recipe of the sources around it: conan create <sources>/cmake/packaging/conan -s compiler.cppstd=20 --build=missing"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain
from conan.tools.files import copy, load, rmdir
from conan.tools.layout import basic_layout


class ResidualConan(ConanFile):
    name = "residual"
    description = "Residual blocks of Transformers (Post-LN, Pre-LN, ResiDual) with analytic gradients, on Eigen"
    license = "MIT"
    topics = ("transformer", "layer-normalization", "gradient", "eigen", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"io": [True, False]}
    default_options = {"io": True}
    options_description = {"io": "nlohmann_json, which reading and writing safetensors files needs"}
    no_copy_source = True

    @property
    def _sources(self):
        return os.path.join(self.recipe_folder, "..", "..", "..")

    def set_version(self):
        version = load(self, os.path.join(self._sources, "include", "residual", "version.hpp"))
        self.version = ".".join(re.findall(r"define RESIDUAL_VERSION_\w+ (\d+)", version))

    def export_sources(self):
        for pattern in ("include/*", "cmake/*", "CMakeLists.txt", "LICENSE"):
            copy(self, pattern, self._sources, self.export_sources_folder)

    def layout(self):
        basic_layout(self)

    def requirements(self):
        self.requires("eigen/[>=3.4.0]", transitive_headers=True)
        if self.options.io:
            self.requires("nlohmann_json/[>=3.11.2 <4]", transitive_headers=True)

    def package_id(self):
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "EXAMPLES", "BENCHMARKS"):
            toolchain.cache_variables[f"RESIDUAL_BUILD_{part}"] = False
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        rmdir(self, os.path.join(self.package_folder, "share", "doc"))
        rmdir(self, os.path.join(self.package_folder, "share", "pkgconfig"))

    def package_info(self):
        self.cpp_info.set_property("cmake_find_mode", "none")  # the package has its own residual-config.cmake
        self.cpp_info.builddirs = [os.path.join("share", "cmake", "residual")]
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.system_libs = ["pthread"]
