// Command gen writes the TypeScript of engine/message, and golden examples of requests and events that Go and TypeScript
// both read. It is run by go generate in engine/message.
package main

import (
	"log"
	"os"
	"path/filepath"
)

func main() {
	files, err := generate("../..")
	if err != nil {
		log.Fatal(err)
	}
	for name, content := range files {
		name = filepath.Join("../..", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

// generate makes all files, by their names from the project's root.
func generate(root string) (map[string][]byte, error) {
	source, err := parseSource(filepath.Join(root, "engine/message"))
	if err != nil {
		return nil, err
	}
	requests, err := lines(requests())
	if err != nil {
		return nil, err
	}
	events, err := lines(events())
	if err != nil {
		return nil, err
	}
	return map[string][]byte{
		"web/src/shared/messages.gen.ts":  typeScript(source),
		"testdata/messages/requests.json": requests,
		"testdata/messages/events.json":   events,
	}, nil
}
