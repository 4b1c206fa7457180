/* What `ringcast --version` prints. */
#ifndef RINGCAST_APP_VERSIONS_H
#define RINGCAST_APP_VERSIONS_H

/* The program's version, those of its libraries, and the features of this machine's ring. */
void versions_print(void);

#endif
