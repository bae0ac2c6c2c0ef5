// A second implementation of notes, trees and cosignatures: Go's x/mod/sumdb/note and tlog.
//
//	interop make DIR    writes a log's verifier key, and requests for a witness (old sizes and sizes in pairs)
//	interop check LOG WITNESS FILE    verifies a note that both have signed, and prints the cosignature's time
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const origin = "go.example/log"

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type hashes []tlog.Hash

func (h hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var out []tlog.Hash
	for _, i := range indexes {
		out = append(out, h[i])
	}
	return out, nil
}

// cosigner verifies cosignature/v1, which the note package does not know.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	time uint64
}

func newCosigner(vkey string) *cosigner {
	parts := strings.SplitN(vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	must(err)
	if raw[0] != 4 || len(raw) != 33 {
		must(fmt.Errorf("not a cosigner's key"))
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), raw...))
	if fmt.Sprintf("%x", sum[:4]) != parts[1] {
		must(fmt.Errorf("wrong key id"))
	}
	return &cosigner{name: parts[0], hash: binary.BigEndian.Uint32(sum[:]), key: raw[1:]}
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 72 {
		return false
	}
	c.time = binary.BigEndian.Uint64(sig)
	text := fmt.Sprintf("cosignature/v1\ntime %d\n%s", c.time, msg)
	return ed25519.Verify(c.key, []byte(text), sig[8:])
}

func makeRequests(dir string) {
	var seed [32]byte
	copy(seed[:], "a seed for tests and nothing else")
	skey, vkey, err := note.GenerateKey(strings.NewReader(string(seed[:])+string(seed[:])), origin)
	must(err)
	signer, err := note.NewSigner(skey)
	must(err)
	var stored hashes
	roots := []tlog.Hash{}
	for i := int64(0); i < 300; i++ {
		more, err := tlog.StoredHashes(i, []byte(fmt.Sprintf("entry %d", i)), stored)
		must(err)
		stored = append(stored, more...)
		root, err := tlog.TreeHash(i+1, stored)
		must(err)
		roots = append(roots, root)
	}
	must(os.WriteFile(dir+"/log.vkey", []byte(vkey), 0o644))
	old := int64(0)
	for number, size := range []int64{1, 2, 7, 8, 130, 255, 256, 257, 300} {
		body := fmt.Sprintf("old %d\n", old)
		if old > 0 {
			proof, err := tlog.ProveTree(size, old, stored)
			must(err)
			must(tlog.CheckTree(proof, size, roots[size-1], old, roots[old-1]))
			for _, hash := range proof {
				body += hash.String() + "\n"
			}
		}
		text := fmt.Sprintf("%s\n%d\n%s\n", origin, size, roots[size-1])
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		must(err)
		must(os.WriteFile(fmt.Sprintf("%s/request-%d", dir, number), append([]byte(body+"\n"), signed...), 0o644))
		must(os.WriteFile(fmt.Sprintf("%s/note-%d", dir, number), signed, 0o644))
		old = size
	}
}

func main() {
	if os.Args[1] == "make" {
		makeRequests(os.Args[2])
		return
	}
	log, err := note.NewVerifier(os.Args[2])
	must(err)
	witness := newCosigner(os.Args[3])
	text, err := os.ReadFile(os.Args[4])
	must(err)
	opened, err := note.Open(text, note.VerifierList(log, witness))
	must(err)
	if len(opened.Sigs) != 2 || len(opened.UnverifiedSigs) != 0 {
		must(fmt.Errorf("%d signatures are good", len(opened.Sigs)))
	}
	fmt.Println(witness.time)
}
