// Blocks of 32 f32 weights: 8 vec4 words.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;

struct Block { w: array<vec4<f32>, 8> }

fn load_block(row: u32, block: u32, blocks: u32, tile: u32) -> Block {
  var out: Block;
  let at = (row * blocks + block) * 8u;
  for (var i = 0u; i < 8u; i++) {
    out.w[i] = bitcast<vec4<f32>>(weights[at + i]);
  }
  return out;
}
