// Reads requests, one JSON object per line, and answers each with another: what Go's own implementation of
// transparency logs (golang.org/x/mod/sumdb) makes, and what it says of what it is given.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type request struct {
	Op     string
	VKey   string
	Note   string
	Older  string
	Folder string
	Index  int64
	Record []byte
	Proof  [][]byte
	// Sizes of a tree as it grows, and the indexes of records to prove under the last of them.
	Sizes   []int64
	Indexes []int64
}

type proved struct {
	Index  int64    `json:"index"`
	Record []byte   `json:"record"`
	Proof  [][]byte `json:"proof"`
}

type answer struct {
	Problem string `json:"problem,omitempty"`
	VKey    string `json:"vkey,omitempty"`
	// One for each size, with the proof that it begins with the one before.
	Notes       []string   `json:"notes,omitempty"`
	Consistency [][][]byte `json:"consistency,omitempty"`
	Records     []proved   `json:"records,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			panic(err)
		}
		a, err := act(r)
		if err != nil {
			a = answer{Problem: err.Error()}
		}
		if err := out.Encode(a); err != nil {
			panic(err)
		}
	}
}

func act(r request) (answer, error) {
	switch r.Op {
	case "record":
		tree, err := open(r.VKey, r.Note)
		if err != nil {
			return answer{}, err
		}
		return answer{}, tlog.CheckRecord(hashes(r.Proof), tree.N, tree.Hash, r.Index, tlog.RecordHash(r.Record))
	case "tree":
		newer, err := open(r.VKey, r.Note)
		if err != nil {
			return answer{}, err
		}
		older, err := open(r.VKey, r.Older)
		if err != nil {
			return answer{}, err
		}
		return answer{}, tlog.CheckTree(hashes(r.Proof), newer.N, newer.Hash, older.N, older.Hash)
	case "tiles":
		return answer{}, readTiles(r)
	case "make":
		return grow(r)
	}
	return answer{}, errors.New("unknown op")
}

// open verifies a checkpoint.
func open(vkey, text string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	n, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("not a checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, err
}

// readTiles proves records by the tiles of a folder alone; every tile that is read is checked against the root.
func readTiles(r request) error {
	tree, err := open(r.VKey, r.Note)
	if err != nil {
		return err
	}
	reader := tlog.TileHashReader(tree, folder(r.Folder))
	for _, index := range r.Indexes {
		proof, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return err
		}
		record, err := readRecord(r.Folder, tree.N, index)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(record)); err != nil {
			return err
		}
	}
	return nil
}

// folder reads tiles where c2sp.org/tlog-tiles has them.
type folder string

func (f folder) Height() int                              { return 8 }
func (f folder) SaveTiles(tiles []tlog.Tile, data [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		data, err := os.ReadFile(filepath.Join(string(f), "tile", strconv.Itoa(tile.L), numbered(tile.N, tile.W)))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func readRecord(folder string, size, index int64) ([]byte, error) {
	width := min(256, size-index/256*256)
	data, err := os.ReadFile(filepath.Join(folder, "tile/entries", numbered(index/256, int(width))))
	if err != nil {
		return nil, err
	}
	for at := index % 256; ; at-- {
		length := int(data[0])<<8 | int(data[1])
		if at == 0 {
			return data[2 : 2+length], nil
		}
		data = data[2+length:]
	}
}

func numbered(n int64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	if width < 256 {
		path = fmt.Sprintf("%s.p/%d", path, width)
	}
	return path
}

// grow makes a log of its own, with a new key.
func grow(r request) (answer, error) {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			found[i] = stored[index]
		}
		return found, nil
	})
	skey, vkey, err := note.GenerateKey(rand.Reader, "go.example/log")
	if err != nil {
		return answer{}, err
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		return answer{}, err
	}
	a := answer{VKey: vkey}
	var at, before int64
	for _, size := range r.Sizes {
		for ; at < size; at++ {
			more, err := tlog.StoredHashes(at, record(at), reader)
			if err != nil {
				return answer{}, err
			}
			stored = append(stored, more...)
		}
		root, err := tlog.TreeHash(size, reader)
		if err != nil {
			return answer{}, err
		}
		signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("go.example/log\n%d\n%s\n", size, root)}, signer)
		if err != nil {
			return answer{}, err
		}
		a.Notes = append(a.Notes, string(signed))
		proof := tlog.TreeProof{}
		if before > 0 {
			if proof, err = tlog.ProveTree(size, before, reader); err != nil {
				return answer{}, err
			}
		}
		a.Consistency = append(a.Consistency, bytesOf(proof))
		before = size
	}
	for _, index := range r.Indexes {
		proof, err := tlog.ProveRecord(before, index, reader)
		if err != nil {
			return answer{}, err
		}
		a.Records = append(a.Records, proved{index, record(index), bytesOf(proof)})
	}
	return a, nil
}

func record(index int64) []byte {
	return fmt.Appendf(nil, `{"seq":%d,"type":"breaker"}`, index)
}

func hashes(all [][]byte) []tlog.Hash {
	var list []tlog.Hash
	for _, one := range all {
		list = append(list, tlog.Hash(one))
	}
	return list
}

func bytesOf(all []tlog.Hash) [][]byte {
	list := [][]byte{}
	for _, one := range all {
		list = append(list, one[:])
	}
	return list
}
