package main

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/rescuecue/rescue/cmd/internal/ocipack"
)

// users makes the files that name users and groups, and the homes of those asked for.
// The scripts of packages, which would add users, do not run. Numbers without a name
// are fine for the rest.
func users(asked []string) ([]ocipack.File, error) {
	passwd := "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
	group := "root:x:0:\nnogroup:x:65534:\n"
	var homes []ocipack.File
	for _, text := range asked {
		u, err := parseUser(text)
		if err != nil {
			return nil, err
		}
		passwd += fmt.Sprintf("%s:x:%d:%d:%s:%s:/bin/sh\n", u.name, u.id, u.id, u.name, u.home)
		group += fmt.Sprintf("%s:x:%d:\n", u.name, u.id)
		homes = append(homes, ocipack.File{Path: strings.TrimPrefix(u.home, "/"), Mode: 0o755, Dir: true, UID: u.id, GID: u.id})
	}
	return append(homes,
		ocipack.File{Path: "etc/passwd", Mode: 0o644, Data: []byte(passwd)},
		ocipack.File{Path: "etc/group", Mode: 0o644, Data: []byte(group)},
		// Without it programs of the C library do not look into the two.
		ocipack.File{Path: "etc/nsswitch.conf", Mode: 0o644, Data: []byte("passwd: files\ngroup: files\nhosts: files dns\n")},
	), nil
}

type user struct {
	name, home string
	id         int
}

// aUser is NAME:NUMBER:HOME. Other characters would not fit into the files.
var aUser = regexp.MustCompile(`^([a-z_][a-z0-9_-]*):([0-9]{1,9}):(/[A-Za-z0-9_./-]+)$`)

func parseUser(text string) (user, error) {
	m := aUser.FindStringSubmatch(text)
	if m == nil || path.Clean(m[3]) == "/" {
		return user{}, fmt.Errorf("-users: %q is not NAME:NUMBER:HOME", text)
	}
	id, err := strconv.Atoi(m[2])
	return user{name: m[1], home: path.Clean(m[3]), id: id}, err
}
