// Package integration tries the cluster of docker-compose.yml with Docker: it makes its
// parts fail, one after the other, while campaigns run, and judges by the providers'
// ledgers.  make integration brings the cluster up for it and takes it down again.
//
// Without DIALTONE_INTEGRATION=1 only the files of the cluster are looked through.
package integration
