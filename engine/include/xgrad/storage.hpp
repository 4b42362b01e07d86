// SPDX-License-Identifier: BSD-3-Clause
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>

#include "xgrad/count.hpp"
#include "xgrad/memory.hpp"

namespace xgrad {

/// A reference-counted block of the caching allocator that is also a standard container (what xtensor asks of one).
/// Copying is deep; `share()` is the explicit way to a second handle on the same elements. Elements start
/// uninitialised. Counts are not atomic: a storage belongs to one thread at a time, unless shared_between_threads().
template <class T> class Storage {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  using value_type = T;
  using allocator_type = std::allocator<T>;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = T&;
  using const_reference = const T&;
  using pointer = T*;
  using const_pointer = const T*;
  using iterator = T*;
  using const_iterator = const T*;
  using reverse_iterator = std::reverse_iterator<T*>;
  using const_reverse_iterator = std::reverse_iterator<const T*>;

  Storage() = default;
  explicit Storage(std::size_t size, const allocator_type& = {}) { reserve_exactly(size); }
  Storage(std::size_t size, const T& value, const allocator_type& = {}) : Storage(size) {
    for (T& element : *this) element = value;
  }
  template <std::input_iterator Iterator>
  Storage(Iterator first, Iterator last, const allocator_type& = {})
      : Storage(static_cast<std::size_t>(std::distance(first, last))) {
    T* place = data();
    for (; first != last; ++first) *place++ = static_cast<T>(*first);
  }
  Storage(std::initializer_list<T> values, const allocator_type& = {}) : Storage(values.begin(), values.end()) {}
  Storage(const Storage& other) : Storage(other.size()) {
    if (size() > 0) std::memcpy(data(), other.data(), size() * sizeof(T));
  }
  Storage(Storage&& other) noexcept : header_(std::exchange(other.header_, nullptr)) {}
  Storage& operator=(const Storage& other) {
    if (this != &other) *this = Storage(other);
    return *this;
  }
  Storage& operator=(Storage&& other) noexcept {
    std::swap(header_, other.header_);
    return *this;
  }
  ~Storage() { reset(); }

  /// A second handle on the same elements.
  Storage share() const {
    Storage result;
    if (header_) detail::increment(header_->references);
    result.header_ = header_;
    return result;
  }
  /// Gives the block up; this storage is empty afterwards.
  void reset() {
    if (header_ && detail::decrement(header_->references))
      detail::deallocate(reinterpret_cast<char*>(header_) - header_->offset, header_->size_class);
    header_ = nullptr;
  }
  explicit operator bool() const { return header_ != nullptr; }
  bool unique() const { return header_ && detail::count_of(header_->references) == 1; }
  /// From now on handles may be made and dropped by several threads at once. Call it while one thread has this storage.
  void share_between_threads() {
    if (header_) header_->references |= detail::kSharedCount;
  }
  bool shares_with(const Storage& other) const { return header_ == other.header_; }
  /// Counts in-place changes; what backward saved is checked against it.
  std::uint32_t version() const { return header_ ? header_->version : 0; }
  void bump_version() {
    if (header_) ++header_->version;
  }

  std::size_t size() const { return header_ ? header_->size : 0; }
  std::size_t max_size() const { return ~std::size_t{0} / sizeof(T); }
  bool empty() const { return size() == 0; }
  /// `size` elements rounded up to 32 bytes: so far a storage may be read and written. What stands past its size means
  /// nothing.
  static constexpr std::size_t padded(std::size_t size) {
    constexpr std::size_t step = 32 / sizeof(T);
    return (size + step - 1) / step * step;
  }
  void resize(std::size_t size) {
    if (size != this->size()) *this = Storage(size);
  }
  T* data() { return header_ ? reinterpret_cast<T*>(header_ + 1) : nullptr; }
  const T* data() const { return header_ ? reinterpret_cast<const T*>(header_ + 1) : nullptr; }
  T& operator[](std::size_t i) { return data()[i]; }
  const T& operator[](std::size_t i) const { return data()[i]; }
  T& front() { return data()[0]; }
  const T& front() const { return data()[0]; }
  T& back() { return data()[size() - 1]; }
  const T& back() const { return data()[size() - 1]; }
  T* begin() { return data(); }
  T* end() { return data() + size(); }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size(); }
  const T* cbegin() const { return begin(); }
  const T* cend() const { return end(); }
  reverse_iterator rbegin() { return reverse_iterator(end()); }
  reverse_iterator rend() { return reverse_iterator(begin()); }
  const_reverse_iterator rbegin() const { return const_reverse_iterator(end()); }
  const_reverse_iterator rend() const { return const_reverse_iterator(begin()); }
  const_reverse_iterator crbegin() const { return rbegin(); }
  const_reverse_iterator crend() const { return rend(); }
  allocator_type get_allocator() const { return {}; }
  void swap(Storage& other) noexcept { std::swap(header_, other.header_); }
  friend bool operator==(const Storage& a, const Storage& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
      if (!(a[i] == b[i])) return false;
    return true;
  }

 private:
  struct Header {  // sits right before the elements
    std::uint32_t references, version, size_class, offset;
    std::size_t size, unused;
  };
  static_assert(sizeof(Header) == 32);

  void reserve_exactly(std::size_t size) {
    if (size > (~std::size_t{0} - 64) / sizeof(T)) throw std::bad_alloc();
    // A tiny array lies beside its header in one cache line; larger ones start on the next line, 64-byte aligned.
    const std::uint32_t offset = size * sizeof(T) <= 32 ? 0 : 32;
    std::uint32_t size_class = 0;
    char* block = static_cast<char*>(detail::allocate(offset + sizeof(Header) + size * sizeof(T), size_class));
    header_ = reinterpret_cast<Header*>(block + offset);
    *header_ = Header{1, 0, size_class, offset, size, 0};
  }

  Header* header_ = nullptr;
};

}  // namespace xgrad
