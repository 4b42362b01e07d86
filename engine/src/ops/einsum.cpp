// SPDX-License-Identifier: BSD-3-Clause
// Einstein's notation, evaluated by diagonals, sums and products of pairs.
#include <algorithm>
#include <array>
#include <string>

#include "ops/product.hpp"
#include "xgrad/ops/linalg.hpp"
#include "xgrad/ops/reduce.hpp"
#include "xgrad/ops/shape.hpp"

namespace xgrad {
namespace {

/// A spec with one label for each axis: letters, and digits for the axes under "...", '0' being the last of them.
struct Spec {
  std::vector<std::string> operands;
  std::string output;
  std::array<std::int64_t, 128> size;  // of each label; -1 if unknown
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool contains(const std::string& labels, char label) { return labels.find(label) != std::string::npos; }

constexpr std::string_view kEllipsis = "...";

/// One term as written, without spaces.
std::string letters_of(std::string_view spec, std::string_view term) {
  std::string letters;
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (term[i] == ' ') continue;
    if (term.substr(i, 3) == kEllipsis) {
      XGRAD_CHECK(!contains(letters, '.'), "einsum: \"...\" twice in \"", term, "\" of \"", spec, "\"");
      letters += '.';
      i += 2;
      continue;
    }
    XGRAD_CHECK(is_letter(term[i]), "einsum: '", std::string(1, term[i]), "' in \"", spec,
                "\"; expected letters, \"...\", commas and at most one \"->\"");
    letters += term[i];
  }
  return letters;
}

/// "." replaced by the digits of `count` axes.
std::string with_digits(const std::string& letters, std::size_t count) {
  std::string labels;
  for (const char letter : letters) {
    if (letter != '.') labels += letter;
    if (letter == '.')
      for (std::size_t i = count; i-- > 0;) labels += static_cast<char>('0' + i);
  }
  return labels;
}

template <class T> Spec parse(std::string_view spec, const std::vector<Tensor<T>>& operands) {
  Spec result;
  result.size.fill(-1);
  const std::size_t arrow = spec.find("->");
  std::vector<std::string> terms;
  for (std::string_view rest = spec.substr(0, arrow);;) {
    const std::size_t comma = rest.find(',');
    terms.push_back(letters_of(spec, rest.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  XGRAD_CHECK(terms.size() == operands.size(), "einsum: \"", spec, "\" names ", terms.size(), " operands; got ",
              operands.size());
  std::size_t most_broadcast = 0;
  for (std::size_t k = 0; k < terms.size(); ++k) {
    const Shape& shape = operands[k].shape();
    const bool open = contains(terms[k], '.');
    const std::size_t named = terms[k].size() - (open ? 1 : 0);
    XGRAD_CHECK(open ? named <= shape.rank() : named == shape.rank(), "einsum: operand ", k, " of shape ", shape,
                " has ", shape.rank(), " axes; \"", spec, "\" names ", named, open ? " and further ones" : "");
    most_broadcast = std::max(most_broadcast, shape.rank() - named);
    result.operands.push_back(with_digits(terms[k], shape.rank() - named));
    for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
      const char label = result.operands[k][axis];
      std::int64_t& known = result.size[static_cast<std::size_t>(label)];
      const bool broadcasts = !is_letter(label) && (known == 1 || shape[axis] == 1);
      XGRAD_CHECK(known < 0 || known == shape[axis] || broadcasts,
                  "einsum: ", is_letter(label) ? "letter '" + std::string(1, label) + "'" : "an axis under \"...\"",
                  " of \"", spec, "\" has size ", known, " and, in operand ", k, " of shape ", shape, ", size ",
                  shape[axis]);
      if (known < 0 || known == 1) known = shape[axis];
    }
  }
  std::string output = ".";
  if (arrow != std::string_view::npos) {
    output = letters_of(spec, spec.substr(arrow + 2));
  } else {
    std::string all;
    for (const std::string& term : terms) all += term;
    std::string once;
    for (const char letter : all)
      if (is_letter(letter) && std::count(all.begin(), all.end(), letter) == 1) once += letter;
    std::sort(once.begin(), once.end());
    output += once;
  }
  result.output = with_digits(output, most_broadcast);
  for (const char label : result.output) {
    XGRAD_CHECK(result.size[static_cast<std::size_t>(label)] >= 0, "einsum: output letter '", std::string(1, label),
                "' of \"", spec, "\" is in no operand");
    XGRAD_CHECK(std::count(result.output.begin(), result.output.end(), label) == 1, "einsum: output letter '",
                std::string(1, label), "' of \"", spec, "\" is repeated");
  }
  return result;
}

/// An operand or a product, with one label for each axis, none twice.
template <class T> struct Term {
  Tensor<T> value;
  std::string labels;
};

/// Without repeated labels, and without axes of size 1 that would have to broadcast.
template <class T> Term<T> simplified(Tensor<T> x, std::string labels) {
  for (std::size_t i = 0; i < labels.size();) {
    const std::size_t again = labels.find(labels[i], i + 1);
    if (again != std::string::npos) {
      x = diagonal(x, 0, static_cast<std::int64_t>(i), static_cast<std::int64_t>(again));
      labels += labels[i];
      labels.erase(again, 1);
      labels.erase(i, 1);
    } else if (!is_letter(labels[i]) && x.shape()[i] == 1) {
      x = squeeze(x, static_cast<std::int64_t>(i));
      labels.erase(i, 1);
    } else {
      ++i;
    }
  }
  return {x, labels};
}

/// The labels of two terms that something else still needs.
template <class T>
std::string still_needed(const std::vector<Term<T>>& terms, std::size_t a, std::size_t b, const std::string& output) {
  std::string elsewhere = output, needed;
  for (std::size_t k = 0; k < terms.size(); ++k)
    if (k != a && k != b) elsewhere += terms[k].labels;
  for (const char label : terms[a].labels + terms[b].labels)
    if (contains(elsewhere, label) && !contains(needed, label)) needed += label;
  return needed;
}

template <class T> Term<T> multiply(const Term<T>& a, const Term<T>& b, const std::string& needed) {
  detail::AxisPairs batch, summed;
  std::string labels, free_a, free_b;
  for (std::size_t i = 0; i < a.labels.size(); ++i) {
    const char label = a.labels[i];
    const std::size_t other = b.labels.find(label);
    if (other == std::string::npos) {
      free_a += label;
      continue;
    }
    const bool kept = contains(needed, label);
    detail::AxisPairs& pairs = kept ? batch : summed;
    pairs.a.push_back(static_cast<std::int64_t>(i));
    pairs.b.push_back(static_cast<std::int64_t>(other));
    if (kept) labels += label;
  }
  for (const char label : b.labels)
    if (!contains(a.labels, label)) free_b += label;
  return {detail::contract(a.value, b.value, batch, summed), labels + free_a + free_b};
}

}  // namespace

template <class T> Tensor<T> einsum(std::string_view spec, const std::vector<Tensor<T>>& operands) {
  const Spec parsed = parse(spec, operands);
  std::vector<Term<T>> terms;
  for (std::size_t k = 0; k < operands.size(); ++k) terms.push_back(simplified(operands[k], parsed.operands[k]));
  for (std::size_t k = 0; k < terms.size(); ++k) {  // labels of one term alone
    const std::string needed = still_needed(terms, k, k, parsed.output);
    std::vector<std::int64_t> alone;
    std::string rest;
    for (std::size_t i = 0; i < terms[k].labels.size(); ++i)
      if (contains(needed, terms[k].labels[i]))
        rest += terms[k].labels[i];
      else
        alone.push_back(static_cast<std::int64_t>(i));
    if (!alone.empty()) terms[k] = {sum(terms[k].value, alone), rest};
  }
  while (terms.size() > 1) {
    std::size_t best_a = 0, best_b = 1;
    double smallest = -1;
    for (std::size_t a = 0; a < terms.size(); ++a)
      for (std::size_t b = a + 1; b < terms.size(); ++b) {
        double size = 1;
        for (const char label : still_needed(terms, a, b, parsed.output))
          size *= static_cast<double>(parsed.size[static_cast<std::size_t>(label)]);
        if (smallest >= 0 && size >= smallest) continue;
        smallest = size;
        best_a = a;
        best_b = b;
      }
    terms[best_a] = multiply(terms[best_a], terms[best_b], still_needed(terms, best_a, best_b, parsed.output));
    terms.erase(terms.begin() + static_cast<std::ptrdiff_t>(best_b));
  }
  std::vector<std::int64_t> order;
  Shape shape;
  for (const char label : parsed.output) {
    const std::size_t place = terms[0].labels.find(label);
    if (place != std::string::npos) order.push_back(static_cast<std::int64_t>(place));
    shape.push_back(parsed.size[static_cast<std::size_t>(label)]);
  }
  return reshape(permute(terms[0].value, order), shape);
}

template Tensor<float> einsum(std::string_view, const std::vector<Tensor<float>>&);
template Tensor<double> einsum(std::string_view, const std::vector<Tensor<double>>&);

}  // namespace xgrad
