AWS_REGION=eu-west-1 AWS_ENDPOINT_URL=http://127.0.0.1:1 AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b hlua good.lua migrate
echo "exit $?"
