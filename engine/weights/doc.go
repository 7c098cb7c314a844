// Package weights turns a checkpoint into a packed model and reads packed
// models back.
//
// The way in is Inventory -> Plan -> Write. An Inventory lists the tensors of a
// checkpoint without reading them. BuildPlan decides everything: formats, the
// order, buffers and offsets; a Plan is pure data. Write moves bytes as the
// plan says and decides nothing.
//
// The packed layout is the layout the GPU reads: a shard is a byte image of a
// range of a GPU buffer. Manifest is the table of contents (model.json) and the
// only part the engine itself needs.
//
// The package knows numbers and files. Which tensor means what is told in
// engine/deepseek, which hands over a table of Slots.
package weights
