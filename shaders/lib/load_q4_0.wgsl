// q4_0: a block is one word of 32 nibbles: byte i holds elements i (low) and i + 16 (high). Value (nibble - 8) * scale.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;  // two f16 each

// The low nibbles of a word's 4 bytes.
fn nibbles(word: u32) -> vec4<f32> {
  return vec4<f32>((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(15u)) - 8.0;
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let scale = unpack2x16float(scales[at / 2u] >> (16u * (at % 2u))).x;
  let v = weights[at];
  return Block(
    scale * nibbles(v.x), scale * nibbles(v.y), scale * nibbles(v.z), scale * nibbles(v.w),
    scale * nibbles(v.x >> 4u), scale * nibbles(v.y >> 4u), scale * nibbles(v.z >> 4u), scale * nibbles(v.w >> 4u),
  );
}
