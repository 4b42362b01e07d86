// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Activations. Elementwise ones as in elementwise.hpp, which has sigmoid, log_sigmoid, softplus and tanh; softmax.hpp
// has those along an axis.
#include "xgrad/ops/elementwise.hpp"
#include "xgrad/random.hpp"

namespace xgrad {

/// max(x, 0), gradient 0 at 0
template <class T> Tensor<T> relu(const Tensor<T>& x);
/// min(max(x, 0), 6), gradient 0 at both ends
template <class T> Tensor<T> relu6(const Tensor<T>& x);
/// x where x > 0, else slope * x
template <class T> Tensor<T> leaky_relu(const Tensor<T>& x, double slope = 0.01);
/// x where x > 0, else alpha (e^x - 1). Clevert et al. 2015, arXiv:1511.07289
template <class T> Tensor<T> elu(const Tensor<T>& x, double alpha = 1);
/// Self-normalising elu. Klambauer et al. 2017, arXiv:1706.02515
template <class T> Tensor<T> selu(const Tensor<T>& x);
/// x limited to [lo, hi]; gradient 0 at the ends, unlike clamp
template <class T> Tensor<T> hardtanh(const Tensor<T>& x, double lo = -1, double hi = 1);
/// x * Phi(x) with the normal distribution function Phi. Hendrycks, Gimpel 2016, arXiv:1606.08415
template <class T> Tensor<T> gelu(const Tensor<T>& x);
/// gelu by its tanh approximation
template <class T> Tensor<T> gelu_tanh(const Tensor<T>& x);
/// x * sigmoid(x), also called swish
template <class T> Tensor<T> silu(const Tensor<T>& x);
/// x * tanh(softplus(x)). Misra 2019, arXiv:1908.08681
template <class T> Tensor<T> mish(const Tensor<T>& x);
/// x * clamp(x + 3, 0, 6) / 6, gradient 0 at -3 and 1 at 3. Howard et al. 2019, arXiv:1905.02244
template <class T> Tensor<T> hardswish(const Tensor<T>& x);
/// x / (1 + |x|)
template <class T> Tensor<T> softsign(const Tensor<T>& x);
/// x where x > 0, else alpha (e^(x / alpha) - 1). Barron 2017, arXiv:1704.07483
template <class T> Tensor<T> celu(const Tensor<T>& x, double alpha = 1);
/// clamp(x / 6 + 1/2, 0, 1), gradient 0 at both ends
template <class T> Tensor<T> hardsigmoid(const Tensor<T>& x);
/// x - tanh(x)
template <class T> Tensor<T> tanhshrink(const Tensor<T>& x);
/// x moved towards 0 by lambda, 0 within [-lambda, lambda]
template <class T> Tensor<T> softshrink(const Tensor<T>& x, double lambda = 0.5);
/// x, but 0 within [-lambda, lambda]
template <class T> Tensor<T> hardshrink(const Tensor<T>& x, double lambda = 0.5);
/// x where x > limit, else value (whose gradient is 0)
template <class T> Tensor<T> threshold(const Tensor<T>& x, double limit, double value);
/// a where a > 0, else a b: what prelu and rrelu are made of.
template <class T> Tensor<T> negative_scaled(const Tensor<T>& a, const Tensor<T>& b);
/// x where x > 0, else weight x. The weight has one element, or one for each channel (axis 1, or axis 0 of a vector),
/// or Error. He et al. 2015, arXiv:1502.01852
template <class T> Tensor<T> prelu(const Tensor<T>& x, const Tensor<T>& weight);
/// x where x > 0, else x times a slope: in training random between lower and upper for each element, else their mean.
/// Throws Error unless lower <= upper. Xu et al. 2015, arXiv:1505.00853
template <class T> Tensor<T> rrelu(const Tensor<T>& x, double lower, double upper, bool training, RandomKey key);
/// With the next key of this thread's generator (see manual_seed, set_random_step).
template <class T>
Tensor<T> rrelu(const Tensor<T>& x, double lower = 1.0 / 8, double upper = 1.0 / 3, bool training = false);

// Gated units. Shazeer 2020, arXiv:2002.05202

/// a sigmoid(b): glu of two tensors
template <class T> Tensor<T> sigmoid_gate(const Tensor<T>& a, const Tensor<T>& b);
/// a sigmoid(b) of x's two halves along the axis. Throws Error for an odd size. Dauphin et al. 2016, arXiv:1612.08083
template <class T> Tensor<T> glu(const Tensor<T>& x, std::int64_t axis = -1);
/// silu(a) b
template <class T> Tensor<T> swiglu(const Tensor<T>& a, const Tensor<T>& b);
/// gelu(a) b
template <class T> Tensor<T> geglu(const Tensor<T>& a, const Tensor<T>& b);
/// relu(a) b
template <class T> Tensor<T> reglu(const Tensor<T>& a, const Tensor<T>& b);

}  // namespace xgrad
