// Segment a folder in eight shares: nextflow run main.nf --project /data/experiment
// With -profile or a nextflow.config of your own it runs on Slurm, SGE or a cloud; `-resume` and a second run skip what is done.
params.project = '.'
params.model = 'runs/first'
params.shards = 8

process predict {
    tag "${share}/${params.shards}"
    errorStrategy 'retry'
    maxRetries 2

    input:
    val share

    output:
    val share

    script:
    """
    lacss predict ${params.model} images --project ${file(params.project)} --device cpu --workers 1 --shard ${share}/${params.shards}
    """
}

workflow {
    channel.of(1..params.shards) | predict
}
