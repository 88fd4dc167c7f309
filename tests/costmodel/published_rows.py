"""A few rows of public tables of measurements, for tests of what reads them."""

from __future__ import annotations

# Three rows each: mosaicml/llm-foundry@8c8dd48 benchmarking README; timm's
# benchmark-infer-amp-nchw-pt240-cu124; ai-dynamo/aiconfigurator silicon_sample.csv.
TRAINING = """model,framework,layers,hidden,heads,kv_heads,ffn,gated_mlp,vocab,params,seq_len,gpu,\
gpus,precision,micro_batch,global_batch,sharding,activation_checkpointing,tensor_parallel,\
pipeline_parallel,tokens_per_s_per_gpu
mpt-70b,llm-foundry,80,8192,64,64,32768,False,50368,64862437376,2048,H100 SXM 80GB,64,bf16,8,2048,\
FULL_SHARD,True,1,1,1039
mpt-7b,llm-foundry,32,4096,32,32,16384,False,50368,6658859008,2048,H100 SXM 80GB,8,bf16,6,48,\
FULL_SHARD,False,1,1,10643
mpt-1b,llm-foundry,24,2048,16,16,8192,False,50368,1315950592,2048,A100 SXM 40GB,8,bf16,8,512,\
FULL_SHARD,False,1,1,19271
"""
VISION = """model,phase,size,patch,image_size,params_m,gmacs,gpu,precision,compile,batch,\
images_per_s
vit_base_patch16_224,forward,base,16,224,86.57,17.58,RTX 3090,amp,False,1024,1570.66
vit_large_patch16_224,forward,large,16,224,304.33,61.60,RTX 4090,amp,False,1024,912.7
vit_huge_patch14_224,forward,huge,14,224,630.76,167.40,RTX 4090,amp,False,1024,346.11
"""
SERVING = """model,layers,hidden,heads,kv_heads,head_dim,ffn,vocab,experts,experts_per_token,\
engine,gpu,gpus,tensor_parallel,precision,concurrency,prompt_tokens,new_tokens,ttft_ms,tpot_ms,\
output_tokens_per_s_per_gpu
llama-3.1-8b,32,4096,32,8,128,14336,128256,0,0,trtllm 1.0.0rc3,H100 SXM 80GB,1,1,bf16,32,1024,512,\
225.65,9.877,3107.27
llama-3.1-70b,80,8192,64,8,128,28672,128256,0,0,vllm,H200 SXM 141GB,4,4,fp8,16,1024,1024,126.21,\
10.937,362
gpt-oss-120b,36,2880,64,8,64,2880,201088,128,4,vllm 0.18.0,H200 SXM 141GB,8,8,fp4,16,1024,1024,\
51.12,4.621,429.0
"""
TABLES = {
    "training": (TRAINING, "tokens_per_s_per_gpu", 0.12),
    "vision": (VISION, "images_per_s", 0.12),
    "serving": (SERVING, "output_tokens_per_s_per_gpu", 0.2),
}
