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

fn affine(codes: vec4<u32>, scale: f32, least: f32) -> vec4<f32> {
  return scale * vec4<f32>(codes) - least;
}

// A block of codes of 4 bits, each times scale less least.
fn affine_block(v: vec4<u32>, scale: f32, least: f32) -> Block {
  return Block(
    affine(nibbles(v.x), scale, least), affine(nibbles(v.y), scale, least), affine(nibbles(v.z), scale, least), affine(nibbles(v.w), scale, least),
    affine(nibbles(v.x >> 4u), scale, least), affine(nibbles(v.y >> 4u), scale, least),
    affine(nibbles(v.z >> 4u), scale, least), affine(nibbles(v.w >> 4u), scale, least),
  );
}

// The low nibbles of a word with fifth bits from bit `first` on.
fn fifths(word: u32, fifth: u32, first: u32) -> vec4<u32> {
  return nibbles(word) | (bits(fifth, first) << vec4<u32>(4u));
}

// The same of codes of 5 bits.
fn affine_block_of_5(v: vec4<u32>, fifth: u32, scale: f32, least: f32) -> Block {
  return Block(
    affine(fifths(v.x, fifth, 0u), scale, least), affine(fifths(v.y, fifth, 4u), scale, least),
    affine(fifths(v.z, fifth, 8u), scale, least), affine(fifths(v.w, fifth, 12u), scale, least),
    affine(fifths(v.x >> 4u, fifth, 16u), scale, least), affine(fifths(v.y >> 4u, fifth, 20u), scale, least),
    affine(fifths(v.z >> 4u, fifth, 24u), scale, least), affine(fifths(v.w >> 4u, fifth, 28u), scale, least),
  );
}
