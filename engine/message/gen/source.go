package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A source is what reflection cannot tell of a package: its comments, and the constants of its types.
type source struct {
	docs   map[string]string // by Type, Type.Field or constant
	values map[string][]word // of a type of strings, in order
}

// A word is a constant of a type of strings.
type word struct{ name, value string }

func parseSource(folder string) (*source, error) {
	s := &source{map[string]string{}, map[string][]word{}}
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, data, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				s.add(g)
			}
		}
	}
	return s, nil
}

func (s *source) add(g *ast.GenDecl) {
	for _, spec := range g.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			name := spec.Name.Name
			s.docs[name] = g.Doc.Text()
			if t, ok := spec.Type.(*ast.StructType); ok {
				for _, f := range t.Fields.List {
					for _, n := range f.Names {
						s.docs[name+"."+n.Name] = comment(f.Doc, f.Comment)
					}
				}
			}
		case *ast.ValueSpec:
			t, _ := spec.Type.(*ast.Ident)
			if g.Tok != token.CONST || t == nil || len(spec.Values) != 1 {
				continue
			}
			if value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value); err == nil {
				s.values[t.Name] = append(s.values[t.Name], word{spec.Names[0].Name, value})
				s.docs[spec.Names[0].Name] = comment(spec.Doc, spec.Comment)
			}
		}
	}
}

// comment is the text above, or else that at the end of the line.
func comment(above, beside *ast.CommentGroup) string {
	if text := above.Text(); text != "" {
		return text
	}
	return beside.Text()
}
