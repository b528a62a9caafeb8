hlua --verson
