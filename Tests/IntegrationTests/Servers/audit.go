// Audits a log that is served as static tiles (C2SP tlog-tiles), by the implementation of the Go project's
// checksum database: every entry of its bundles must be under the signed tree head, and older checkpoints
// must be of the same history.
//
//	audit URL VKEY [CHECKPOINT...]
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

type site string

func (s site) get(path, contentType, cache string) []byte {
	response, err := http.Get(string(s) + "/" + path)
	check(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	check(err)
	if response.StatusCode != 200 {
		log.Fatalf("%s: %s", path, response.Status)
	}
	if t := response.Header.Get("Content-Type"); t != contentType {
		log.Fatalf("%s: content type %q", path, t)
	}
	if c := response.Header.Get("Cache-Control"); !strings.Contains(c, cache) {
		log.Fatalf("%s: cache control %q", path, c)
	}
	return body
}

func (s site) tile(path string) []byte { return s.get(path, "application/octet-stream", "immutable") }

// Tiles that were verified.
var known = map[tlog.Tile][]byte{}

func (s site) Height() int { return 8 }

func (s site) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	for i, t := range tiles {
		known[t] = data[i]
	}
}

func (s site) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		bytes, ok := known[t]
		if !ok {
			// C2SP's paths do not name the height.
			bytes = s.tile(strings.Replace(t.Path(), "tile/8/", "tile/", 1))
		}
		data = append(data, bytes)
	}
	return data, nil
}

func open(text []byte, verifier note.Verifier) tlog.Tree {
	signed, err := note.Open(text, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		log.Fatalf("not three lines of %s: %q", verifier.Name(), signed.Text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	check(err)
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree
}

func main() {
	s := site(os.Args[1])
	verifier, err := note.NewVerifier(os.Args[2])
	check(err)
	tree := open(s.get("checkpoint", "text/plain; charset=utf-8", "no-cache"), verifier)
	hashes := tlog.TileHashReader(tree, s)
	for n := int64(0); n < tree.N; n += 256 {
		t := tlog.Tile{H: 8, L: -1, N: n / 256, W: 256}
		if tree.N-n < 256 {
			t.W = int(tree.N - n)
		}
		bundle := bytes.NewBuffer(s.tile(strings.Replace(t.Path(), "tile/8/data/", "tile/entries/", 1)))
		for i := n; i < n+int64(t.W); i++ {
			var size uint16
			check(binary.Read(bundle, binary.BigEndian, &size))
			entry := bundle.Next(int(size))
			if len(entry) != 52 {
				log.Fatalf("entry %d has %d bytes", i, len(entry))
			}
			proof, err := tlog.ProveRecord(tree.N, i, hashes)
			check(err)
			check(tlog.CheckRecord(proof, tree.N, tree.Hash, i, tlog.RecordHash(entry)))
		}
		if bundle.Len() != 0 {
			log.Fatalf("%d bytes behind the last entry of a bundle", bundle.Len())
		}
	}
	for _, path := range os.Args[3:] {
		text, err := os.ReadFile(path)
		check(err)
		old := open(text, verifier)
		proof, err := tlog.ProveTree(tree.N, old.N, hashes)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
	}
	fmt.Println(tree.N, len(os.Args[3:]))
}
