// q4_0: a block is one word of 32 nibbles: byte i holds elements i (low) and i + 16 (high). Value (nibble - 8) * scale.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;  // two f16 each

// Four nibbles, one from each byte of a word, whose other nibbles are masked off.
fn nibbles(word: u32, scale: f32) -> vec4<f32> {
  return scale * (vec4<f32>(vec4<u32>(word & 15u, (word >> 8u) & 15u, (word >> 16u) & 15u, (word >> 24u) & 15u)) - 8.0);
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> array<vec4<f32>, 8> {
  var out: array<vec4<f32>, 8>;
  let at = (matrix * rows + row) * blocks + block;
  let scale = unpack2x16float(scales[at / 2u] >> (16u * (at % 2u))).x;
  let v = weights[at];
  out[0] = nibbles(v.x, scale);
  out[1] = nibbles(v.y, scale);
  out[2] = nibbles(v.z, scale);
  out[3] = nibbles(v.w, scale);
  out[4] = nibbles(v.x >> 4u, scale);
  out[5] = nibbles(v.y >> 4u, scale);
  out[6] = nibbles(v.z >> 4u, scale);
  out[7] = nibbles(v.w >> 4u, scale);
  return out;
}
