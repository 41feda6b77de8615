#!/bin/sh
# Installs the peers: setup.sh [BUILD_FOLDER], by default build/peers. Debian's packages need root; the build folder
# gets the npm package that has ONNX Runtime's shared library.
set -eu
build=${1:-build/peers}
apt-get update
apt-get install --yes --no-install-recommends g++ cmake ninja-build libeigen3-dev nlohmann-json3-dev \
  libtorch-dev python3-torch libopenblas0-openmp python3-numpy python3-onnx
mkdir -p "$build"
npm install --prefix "$build" --ignore-scripts --no-audit --no-fund onnxruntime-node@1.30.0
