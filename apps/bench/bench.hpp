// SPDX-License-Identifier: BSD-3-Clause
#pragma once
// Times contenders in turn, round by round, so that a drift of the machine's speed hits all of them alike, and prints
// one JSON line for each. The peers (LibTorch) live in files of their own and are absent when they were not built.
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace xgrad::bench {

struct Options {
  int threads = 1;
  double seconds = 3;          ///< per contender
  std::string only;            ///< workloads whose name contains this
  std::string workload, peer;  ///< only the memory of these is measured, if given; see compare_steps()
  double start_mb = 0;         ///< of memory that is no file's, when the program began
};
/// --threads N, --seconds S, --workload TEXT, --memory-of WORKLOAD PEER. Exits with 2 and a usage line for anything
/// else.
Options parse_options(int argc, char** argv);
/// Whether compare() would measure this workload.
bool is_asked_for(const std::string& workload, const Options& options);

struct Contender {
  std::string peer;           ///< "xgrad", "libtorch", "in-place scale", ...
  std::function<void()> run;  ///< one repetition of the work
  double units = 1;           ///< divide the time by this: nodes, steps
  double bytes = 0;           ///< moved by one repetition, if bandwidth is the question
  double peak_mb = 0;         ///< of memory, if that is a question too
};

/// Milliseconds per unit. The least is the steadier one where others use the machine too.
struct Time {
  double median, least;
};

/// Runs all contenders and prints {"workload", "peer", "threads", "ms_median", "ms_min", "n", ...}; the ratio is to the
/// first contender's median. Returns the times.
std::vector<Time> compare(const std::string& workload, const Options& options, std::vector<Contender> contenders);

struct Trainer {
  std::string peer;
  std::function<std::function<void()>()> make;  ///< model, optimizer and batch; returns a step on them
};

/// compare() of training steps, with "peak_mb": the most memory that a process which only runs this peer's steps has in
/// use, files' (the libraries' code) and what it had when it began left out: parameters, gradients, the optimizer's
/// state, the batch, and what a step needs beside them.
void compare_steps(const std::string& workload, const Options& options, const std::vector<Trainer>& trainers);

// What LibTorch does for the same question; an empty function where it was not built.
/// 784-512-256-10; Adam, or SGD with momentum 0.9.
std::function<void()> libtorch_mlp_step(int threads, long batch, bool adam);
/// Its forward pass for one example.
std::function<void()> libtorch_mlp_inference(int threads);
std::function<void()> libtorch_tiny_step(int threads);
std::function<void()> libtorch_linear_step(int threads);
std::function<void()> libtorch_lstm_step(int threads);
std::function<void()> libtorch_cnn_step(int threads);
/// Forward and backward of layer norm of (rows, cols), and of batch norm of (64, 32, 28, 28).
std::function<void()> libtorch_layer_norm(int threads, long rows, long cols);
std::function<void()> libtorch_batch_norm(int threads);
std::function<void()> libtorch_gpt_step(int threads);
std::function<void()> libtorch_chain(int threads, int length);
/// "sgd", "sgd momentum", "adam", "adamw", "rmsprop" or "adagrad"; empty for any other.
std::function<void()> libtorch_optimizer_step(const std::string& optimizer, int threads, int tensors, long elements);

/// `contender` if it exists.
inline void add_peer(std::vector<Contender>& contenders, Contender contender) {
  if (contender.run) contenders.push_back(std::move(contender));
}

}  // namespace xgrad::bench
