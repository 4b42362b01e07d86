// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Everything of the engine, xtensor included (about 2.5 s to compile). For quicker builds include what you use:
// tensor.hpp and ops/*.hpp need neither xtensor nor xsimd.
#include "xgrad/array.hpp"
#include "xgrad/autograd.hpp"
#include "xgrad/derivatives.hpp"
#include "xgrad/function.hpp"
#include "xgrad/hooks.hpp"
#include "xgrad/map.hpp"
#include "xgrad/nn/convolution.hpp"
#include "xgrad/nn/layers.hpp"
#include "xgrad/nn/normalization.hpp"
#include "xgrad/nn/pooling.hpp"
#include "xgrad/ops/attention.hpp"
#include "xgrad/ops/convolution.hpp"
#include "xgrad/ops/decompositions.hpp"
#include "xgrad/ops/loss.hpp"
#include "xgrad/ops/normalization.hpp"
#include "xgrad/ops/pooling.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/threads.hpp"
