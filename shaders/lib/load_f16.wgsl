// f16: a block is 4 words of 8 numbers.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> array<vec4<f32>, 8> {
  var out: array<vec4<f32>, 8>;
  let at = ((matrix * rows + row) * blocks + block) * 4u;
  for (var i = 0u; i < 4u; i++) {
    let v = weights[at + i];
    out[2u * i] = vec4<f32>(unpack2x16float(v.x), unpack2x16float(v.y));
    out[2u * i + 1u] = vec4<f32>(unpack2x16float(v.z), unpack2x16float(v.w));
  }
  return out;
}
