// Package kopiaserver runs a repository server of the kopia program for a
// RepositoryServer resource, and reads such resources for the server's clients.
//
// kopia has no library for its server, only for the server's clients. So the program
// itself is run: the stock one, of the release that this module's library has.
package kopiaserver
