// The values of iq4_nl's and iq4_xs's codes (ggml's kvalues_iq4nl), as bytes of 4 words: a table in registers.
fn iq4_values(code: vec4<u32>) -> vec4<f32> {
  let low = select(vec4<u32>(0xbfad9881u), vec4<u32>(0xf6eaddcfu), (code & vec4<u32>(4u)) != vec4<u32>(0u));
  let high = select(vec4<u32>(0x26190d01u), vec4<u32>(0x71594535u), (code & vec4<u32>(4u)) != vec4<u32>(0u));
  let word = select(low, high, code >= vec4<u32>(8u));
  let byte = word << (vec4<u32>(24u) - 8u * (code & vec4<u32>(3u)));
  return vec4<f32>(bitcast<vec4<i32>>(byte) >> vec4<u32>(24u));
}

// A block of such codes, times scale.
fn iq4_block(v: vec4<u32>, scale: f32) -> Block {
  return Block(
    scale * iq4_values(nibbles(v.x)), scale * iq4_values(nibbles(v.y)), scale * iq4_values(nibbles(v.z)), scale * iq4_values(nibbles(v.w)),
    scale * iq4_values(nibbles(v.x >> 4u)), scale * iq4_values(nibbles(v.y >> 4u)),
    scale * iq4_values(nibbles(v.z >> 4u)), scale * iq4_values(nibbles(v.w >> 4u)),
  );
}
