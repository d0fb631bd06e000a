#!/usr/bin/env python3
from socket import *

s3 = socket(AF_INET, SOCK_STREAM)
s3.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
s3.bind(('127.0.0.1', 5000))
try:
    s3.send(b'early')  # failed here: EPIPE
except OSError as error:
    print('send:', error)
s3.connect(('127.0.0.1', 12000))
s3.settimeout(1.500)
s3.send(b'it\'s "100%"\n\xff9')
s3.shutdown(SHUT_WR)
message = s3.recv(64)
print(message)
# s3.recv(64)  # blocked here and never returned
s3.close()
try:
    s3.send(b'late')  # failed here: EBADF
except OSError as error:
    print('send:', error)
