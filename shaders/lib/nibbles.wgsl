// A block of nibbles is one vec4 of words: byte i holds element i (low) and i + 16 (high). Fifth bits are a word: bit i is that
// of element i. Two bits an element are words of 16.

// The low nibbles of a word's 4 bytes.
fn nibbles(word: u32) -> vec4<u32> {
  return (vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u);
}

// Bits first to first + 3 of a word.
fn bits(word: u32, first: u32) -> vec4<u32> {
  return (vec4<u32>(word) >> (vec4<u32>(0u, 1u, 2u, 3u) + first)) & vec4<u32>(1u);
}

// The two bits of elements first to first + 3 of a word of 16.
fn two_bits(word: u32, first: u32) -> vec4<u32> {
  return (vec4<u32>(word) >> (vec4<u32>(0u, 2u, 4u, 6u) + 2u * first)) & vec4<u32>(3u);
}

// Number i of an array of f16.
fn half(word: u32, i: u32) -> f32 {
  return unpack2x16float(word >> (16u * i)).x;
}
