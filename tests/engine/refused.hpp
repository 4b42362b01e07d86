// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <string>

#include "xgrad/error.hpp"

/// The words with which a call is refused.
template <class Call> std::string refused(const Call& call) {
  try {
    call();
  } catch (const xgrad::Error& error) { return error.what(); }
  return "accepted";
}
