AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b AWS_REGION=eu-west-1 AWS_ENDPOINT_URL=http://db.example:8000 hlua good.lua create
