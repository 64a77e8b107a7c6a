// Package nodump keeps the memory of this process, where people's numbers and
// tokens stand in the plain while a view is made, from being written to a disk
// when it dies and from being read by other processes of the same user.
//
// On Linux it turns core files off for this process and all that it starts, and
// makes this process undumpable: the kernel then writes no core by a pipe
// either, lets nobody but root attach to it, and gives /proc/PID to root. What
// the process reads of itself, as pprof and the process metrics do, it can still
// read. On other systems it does nothing: there the operator turns core files off.
//
// It knows nothing of swap, of hibernation and of the hypervisor.
package nodump
