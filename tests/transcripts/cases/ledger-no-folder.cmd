for command in status rejects "control status"; do hlua good.lua $command --ledger nofolder/people.db; done; ls -a | grep nofolder
