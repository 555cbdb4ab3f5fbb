import subprocess,signal,time,sys,os
cmd="nice -n 10 closedloop studies purification --out /tmp/brk17gp/p3 --train 1000 --test 60 --epochs 3 --recalls 10 --no-sites --workers 1".split()
p=subprocess.Popen(cmd,stdout=subprocess.PIPE,stderr=subprocess.STDOUT,preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
time.sleep(9); p.send_signal(signal.SIGINT); o,_=p.communicate(timeout=60); print(p.returncode,o.decode()[-400:])
# two at once
ps=[subprocess.Popen(cmd,stdout=subprocess.PIPE,stderr=subprocess.STDOUT) for _ in range(2)]
for p in ps: o,_=p.communicate(timeout=300); print('two',p.returncode,o.decode()[-400:])
