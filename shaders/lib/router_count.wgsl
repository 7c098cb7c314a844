// Which experts rows visit is counted, but for rows that compute nothing: those of the sequence `parked`.
@group(0) @binding(5) var<storage, read> rows: array<vec2<u32>>;            // (sequence, position)
@group(0) @binding(6) var<storage, read_write> experts: array<atomic<u32>>;  // (EXPERTS)

fn count_visit(row: u32, expert: u32) {
  if (rows[row].x != params.parked) {
    atomicAdd(&experts[expert], 1u);
  }
}
