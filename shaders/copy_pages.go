package shaders

// CopyPagesParams are the uniform parameters of copy_pages.wgsl.
type CopyPagesParams struct{ Words uint32 }

type copyPagesVariant struct{}

var copyPages = register(kernel[copyPagesVariant, CopyPagesParams]{
	name: "copy_pages",
	reference: func(_ copyPagesVariant, p CopyPagesParams, grid Grid, m Memory) {
		moves, cache := m.U32("moves"), m.U32("cache")
		for i := range int(grid[1]) {
			copy(cache[moves[2*i+1]*p.Words:][:p.Words], cache[moves[2*i]*p.Words:][:p.Words])
		}
	},
})

// CopyPages copies so many pages of a cache, of Words 32-bit words each: bindings moves (count, from and to), cache. No page may
// be both read and written, but for one onto itself.
func CopyPages(count int, p CopyPagesParams) Dispatch {
	return copyPages.dispatch(copyPagesVariant{}, p, (int(p.Words)+63)/64, count, 1)
}
