#!/bin/sh
# Installs the peers, as root; the build folder gets the npm package that has ONNX Runtime's shared library:
#     bench/peers/setup.sh [BUILD_FOLDER]      by default build/peers; libtorch and OpenBLAS of this machine's Debian
#     bench/peers/setup.sh --release RELEASE   those of another release, such as trixie or sid, in a folder of its own, which
#                                              needs debootstrap; cmake/in_release.sh RELEASE peers bench/peers/compare.py
set -eu
build=${1:-build/peers} install=
if [ "$build" = --release ]; then
  release=${2:?bench/peers/setup.sh --release RELEASE: which release, such as trixie?}
  cd "$(dirname "$0")/../.."
  build=build/releases/$release/builds/peers/peers install="cmake/in_release.sh $release peers"
fi
$install apt-get --option Acquire::Check-Valid-Until=false update  # a mirror may keep the lists of sid for longer than they are valid
$install apt-get install --yes --no-install-recommends g++ cmake ninja-build libeigen3-dev nlohmann-json3-dev \
  libtorch-dev python3-torch libopenblas0-openmp python3-numpy python3-onnx
mkdir -p "$build"
npm install --prefix "$build" --ignore-scripts --no-audit --no-fund onnxruntime-node@1.30.0
